"""What `connector doctor` looks at: each module finds out about one thing, and says what to do."""
