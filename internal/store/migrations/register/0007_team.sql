-- release 0.1.0
-- Teams: users of an organisation who have the same roles in apps of it.

CREATE TABLE team (
	num          BIGINT PRIMARY KEY,
	id           BYTEA NOT NULL UNIQUE,
	org          BIGINT NOT NULL,
	name         TEXT NOT NULL,
	name_key     TEXT NOT NULL,
	display_name TEXT NOT NULL,
	created_at   BIGINT NOT NULL,
	UNIQUE (org, name_key)
);

CREATE TABLE team_user (
	team    BIGINT NOT NULL,
	account BIGINT NOT NULL,
	PRIMARY KEY (team, account)
) /* clustered */;
CREATE INDEX team_user_account ON team_user (account);

CREATE TABLE team_app (
	shard SMALLINT NOT NULL,
	app   BIGINT NOT NULL,
	team  BIGINT NOT NULL,
	role  SMALLINT NOT NULL,
	PRIMARY KEY (shard, app, team)
) /* clustered */;
CREATE INDEX team_app_team ON team_app (team);

CREATE INDEX member_account ON member (account);

CREATE INDEX invitation_inviter ON invitation (inviter);

-- Pictures. Organisations and apps name theirs by its id.
CREATE TABLE avatar (
	id   BYTEA PRIMARY KEY,
	type TEXT NOT NULL,
	data BYTEA NOT NULL
);

ALTER TABLE org ADD COLUMN avatar BYTEA;

ALTER TABLE app ADD COLUMN avatar BYTEA;

-- Azure subscriptions that the operator has entered, and the apps that are linked with them.
CREATE TABLE subscription (
	id     BYTEA PRIMARY KEY,
	tenant BYTEA NOT NULL,
	name   TEXT NOT NULL
);

CREATE TABLE app_subscription (
	shard        SMALLINT NOT NULL,
	app          BIGINT NOT NULL,
	subscription BYTEA NOT NULL,
	PRIMARY KEY (shard, app, subscription)
) /* clustered */;
