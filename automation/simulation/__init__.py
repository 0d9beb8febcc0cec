"""Before a rule goes live: what it would do now (dry run), what it would have done (backtest), and why it did not
(explain). The same triggers, conditions, policies and drafts as the engine's; nothing is written.
"""
