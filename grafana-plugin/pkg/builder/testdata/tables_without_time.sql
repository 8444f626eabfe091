SELECT *
FROM accounts
WHERE $__adhocFilters()
LIMIT 1000
