"""How sure a number is: over seeds, over groups of test images, and over both."""
