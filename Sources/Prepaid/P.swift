enum PlaceholderPrepaid {}
