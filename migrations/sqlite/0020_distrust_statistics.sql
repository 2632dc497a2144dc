-- Nothing to do: no statistics are gathered here, and without them the planner takes the index that fits best.
SELECT 1;
