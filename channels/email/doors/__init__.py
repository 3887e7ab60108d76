"""Where mail comes in: SMTP, LMTP, a mailbox that is picked up."""
