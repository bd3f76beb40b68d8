"""A connector for the Roundup issue tracker."""
