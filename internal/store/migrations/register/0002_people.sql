-- release 0.1.0
-- Accounts of people: they sign in with a password, under their name or their address.

ALTER TABLE account ADD COLUMN email_key TEXT;
UPDATE account SET email_key = lower(email) WHERE email <> '';
CREATE UNIQUE INDEX account_email ON account (email_key);
ALTER TABLE account ADD COLUMN password TEXT NOT NULL DEFAULT '';

ALTER TABLE token ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;

-- What people ask for about their own account. It outlives the account, so that its end can be asked about.
CREATE TABLE account_request (
	token      BYTEA PRIMARY KEY,
	account    BIGINT NOT NULL,
	kind       TEXT NOT NULL,
	state      TEXT NOT NULL,
	message    TEXT NOT NULL,
	proof      BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	due_at     BIGINT NOT NULL,
	done_at    BIGINT NOT NULL
);
CREATE INDEX account_request_account ON account_request (account, created_at);
