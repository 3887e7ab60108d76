"""What somebody wrote in a mail, without quotes and signatures."""
