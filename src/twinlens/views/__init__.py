"""Views: random, seeded versions of a batch of images, made on the batch's device."""
