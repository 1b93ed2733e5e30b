-- Reports of one status are listed by their ids; without this, all of the others are read, too.
CREATE INDEX ix_drift_reports_status ON drift_reports (status, report_id);
