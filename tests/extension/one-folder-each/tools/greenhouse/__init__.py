"""What can be done in a greenhouse: look at a sensor, measure a day, set the controller."""
