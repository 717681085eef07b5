"""Reading image files once, into a packed data set."""
