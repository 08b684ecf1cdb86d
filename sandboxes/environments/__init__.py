"""What tools act on (a cluster, an application, a database, a log folder): live, being recorded, or played back."""
