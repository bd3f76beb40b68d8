"""The ledger in tables: its rows and rules, as functions over a transaction of whichever database keeps them."""
