"""Microsoft Teams: customers in personal chats, group chats and channels, and a channel or group chat as a desk."""
