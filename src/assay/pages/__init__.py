"""What people look at: templates and plots."""
