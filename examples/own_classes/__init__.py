"""End systems that no profile can describe, each as a class of its own."""
