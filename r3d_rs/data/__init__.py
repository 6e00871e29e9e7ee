"""Video files in, batches of clips out."""
