-- Against mistakes, not against whoever owns the file: those are found by the hashes.
CREATE TRIGGER audit_rows_stay BEFORE UPDATE ON audit_rows
BEGIN SELECT RAISE(ABORT, 'rows of the audit are never changed'); END;
CREATE TRIGGER audit_rows_are_kept BEFORE DELETE ON audit_rows
WHEN NOT EXISTS (SELECT 1 FROM audit_cuts WHERE what = OLD.chain AND up_to >= OLD.seq)
BEGIN SELECT RAISE(ABORT, 'rows of the audit are deleted by retention only'); END;
CREATE TRIGGER audit_checkpoints_stay BEFORE UPDATE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints of the audit are never changed'); END;
CREATE TRIGGER audit_checkpoints_are_kept BEFORE DELETE ON audit_checkpoints
WHEN NOT EXISTS (SELECT 1 FROM audit_cuts WHERE what = 'checkpoints' AND up_to >= OLD.number)
BEGIN SELECT RAISE(ABORT, 'checkpoints of the audit are deleted by retention only'); END;
