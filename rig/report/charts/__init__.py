"""Charts and diagrams as inline SVG."""
