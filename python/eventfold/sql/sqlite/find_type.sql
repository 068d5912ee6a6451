SELECT id, slots, fill_slots FROM eventfold_type WHERE name = ?
