"""The adapters that come with mixup-multi: images, tables, speech and graphs."""
