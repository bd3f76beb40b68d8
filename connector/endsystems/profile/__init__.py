"""End systems that a profile describes: its language, its checks, its login and its logout."""
