-- Against mistakes, not against whoever owns the database: those are found by the hashes.
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is never changed, and only retention deletes of it';
END $$;
CREATE FUNCTION audit_row_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_cuts WHERE what = OLD.chain AND up_to >= OLD.seq) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'rows of the audit are deleted by retention only';
END $$;
CREATE FUNCTION audit_checkpoint_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_cuts WHERE what = 'checkpoints' AND up_to >= OLD.number) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'checkpoints of the audit are deleted by retention only';
END $$;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE ON audit_rows FOR EACH ROW EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_rows_are_kept BEFORE DELETE ON audit_rows FOR EACH ROW EXECUTE FUNCTION audit_row_is_kept();
CREATE TRIGGER audit_rows_are_not_emptied BEFORE TRUNCATE ON audit_rows EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_checkpoints_stay BEFORE UPDATE ON audit_checkpoints FOR EACH ROW EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_checkpoints_are_kept BEFORE DELETE ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION audit_checkpoint_is_kept();
CREATE TRIGGER audit_checkpoints_are_not_emptied BEFORE TRUNCATE ON audit_checkpoints EXECUTE FUNCTION audit_stays();
