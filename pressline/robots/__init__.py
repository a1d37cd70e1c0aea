"""Group robots of WeCom, DingTalk and Feishu: what is said to them, and how they are called."""
