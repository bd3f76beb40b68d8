"""Values and pure rules: what a cleanup, a login and a debt are. Knows no store, no server and no end system."""
