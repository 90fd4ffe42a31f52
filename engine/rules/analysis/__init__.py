"""What conditions could ever do, judged without data."""
