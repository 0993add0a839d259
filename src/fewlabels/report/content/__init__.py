"""What a page holds, as data, and its words: the content and the face of each task, and the blocks of a page."""
