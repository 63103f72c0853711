"""One model of all kinds of cells for the tubes of a panel and cytometer, and gates from it."""
