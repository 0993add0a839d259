"""What a person looks at next: images to label, labels to doubt."""
