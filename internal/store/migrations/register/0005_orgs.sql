-- release 0.1.0
-- Organisations own apps that several users share. Their names and those of accounts are in one space, which
-- the code sees to: the owner in an app's path may be either.

CREATE TABLE org (
	num          BIGINT PRIMARY KEY,
	id           BYTEA NOT NULL UNIQUE,
	name         TEXT NOT NULL,
	name_key     TEXT NOT NULL UNIQUE,
	display_name TEXT NOT NULL,
	created_at   BIGINT NOT NULL,
	updated_at   BIGINT NOT NULL
);

CREATE TABLE org_user (
	org       BIGINT NOT NULL,
	account   BIGINT NOT NULL,
	role      SMALLINT NOT NULL,
	joined_at BIGINT NOT NULL,
	PRIMARY KEY (org, account)
) /* clustered */;
CREATE INDEX org_user_account ON org_user (account);

-- Invitations to an organisation or, with app not 0, to an app. hash is that of the secret in the link.
CREATE TABLE invitation (
	id         BYTEA PRIMARY KEY,
	org        BIGINT NOT NULL,
	app        BIGINT NOT NULL,
	email      TEXT NOT NULL,
	email_key  TEXT NOT NULL,
	role       SMALLINT NOT NULL,
	inviter    BIGINT NOT NULL,
	hash       BYTEA NOT NULL UNIQUE,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	UNIQUE (org, app, email_key)
);

ALTER TABLE app ADD COLUMN icon_url TEXT NOT NULL DEFAULT '';
