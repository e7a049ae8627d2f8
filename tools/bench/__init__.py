"""What the shop costs: CPU time per request, beside bare Django in the same process."""
