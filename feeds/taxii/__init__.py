"""The TAXII 2.1 server: one module a resource. `app.taxii_app` is where to start."""
