-- release 0.1.0
-- Small shared tables: the same everywhere on a distributed engine.

CREATE TABLE counter (
	name  TEXT PRIMARY KEY,
	value BIGINT NOT NULL
);

CREATE TABLE account (
	num          BIGINT PRIMARY KEY,
	id           BYTEA NOT NULL UNIQUE,
	name         TEXT NOT NULL,
	name_key     TEXT NOT NULL UNIQUE,
	display_name TEXT NOT NULL,
	email        TEXT NOT NULL,
	admin        SMALLINT NOT NULL,
	created_at   BIGINT NOT NULL
);

CREATE TABLE token (
	hash         BYTEA PRIMARY KEY,
	id           BYTEA NOT NULL UNIQUE,
	account      BIGINT NOT NULL,
	app          BIGINT NOT NULL,
	description  TEXT NOT NULL,
	scope        TEXT NOT NULL,
	created_at   BIGINT NOT NULL,
	last_used_at BIGINT NOT NULL,
	admin_file   SMALLINT NOT NULL
);
CREATE INDEX token_account ON token (account, created_at);

CREATE TABLE app (
	num           BIGINT PRIMARY KEY,
	id            BYTEA NOT NULL UNIQUE,
	shard         SMALLINT NOT NULL,
	secret        BYTEA NOT NULL UNIQUE,
	owner         TEXT NOT NULL,
	name          TEXT NOT NULL,
	owner_key     TEXT NOT NULL,
	name_key      TEXT NOT NULL,
	display_name  TEXT NOT NULL,
	description   TEXT NOT NULL,
	os            TEXT NOT NULL,
	platform      TEXT NOT NULL,
	release_type  TEXT NOT NULL,
	created_at    BIGINT NOT NULL,
	updated_at    BIGINT NOT NULL,
	blocked       SMALLINT NOT NULL,
	crash_limit   BIGINT NOT NULL,
	handled_limit BIGINT NOT NULL,
	prefixes      TEXT NOT NULL,
	UNIQUE (owner_key, name_key)
);

-- What the journal remembers outside of itself.

CREATE TABLE floor (
	lane SMALLINT PRIMARY KEY,
	time BIGINT NOT NULL
);

CREATE TABLE blank_intent (
	segment BIGINT NOT NULL,
	pos     BIGINT NOT NULL,
	member  BIGINT NOT NULL,
	PRIMARY KEY (segment, pos, member)
) /* clustered */;

-- Tables per app: the shard stands first in every key.

CREATE TABLE member (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	account BIGINT NOT NULL,
	role    SMALLINT NOT NULL,
	PRIMARY KEY (shard, app, account)
) /* clustered */;

CREATE TABLE blocked_install (
	shard      SMALLINT NOT NULL,
	app        BIGINT NOT NULL,
	hash       BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (shard, app, hash)
) /* clustered */;

CREATE TABLE dropped (
	shard  SMALLINT NOT NULL,
	app    BIGINT NOT NULL,
	day    BIGINT NOT NULL,
	reason TEXT NOT NULL,
	n      BIGINT NOT NULL,
	PRIMARY KEY (shard, app, day, reason)
) /* clustered */;

CREATE TABLE group_id (
	shard     SMALLINT NOT NULL,
	app       BIGINT NOT NULL,
	signature BYTEA NOT NULL,
	version   TEXT NOT NULL,
	handled   SMALLINT NOT NULL,
	grp       BIGINT NOT NULL,
	PRIMARY KEY (shard, app, signature, version, handled),
	UNIQUE (shard, app, grp)
) /* clustered */;

CREATE TABLE group_words (
	shard      SMALLINT NOT NULL,
	app        BIGINT NOT NULL,
	grp        BIGINT NOT NULL,
	state      TEXT NOT NULL,
	annotation TEXT NOT NULL,
	PRIMARY KEY (shard, app, grp)
) /* clustered */;

CREATE TABLE export (
	shard           SMALLINT NOT NULL,
	app             BIGINT NOT NULL,
	id              BYTEA NOT NULL,
	type            TEXT NOT NULL,
	entities        TEXT NOT NULL,
	handled_errors  SMALLINT NOT NULL,
	path_kind       TEXT NOT NULL,
	sealed          BYTEA,
	secret_hash     BYTEA,
	path            TEXT NOT NULL,
	subscription_id TEXT NOT NULL,
	resource_name   TEXT NOT NULL,
	resource_group  TEXT NOT NULL,
	blob_endpoint   TEXT NOT NULL,
	container       TEXT NOT NULL,
	prefix          TEXT NOT NULL,
	backfill        SMALLINT NOT NULL,
	state           TEXT NOT NULL,
	state_info      TEXT NOT NULL,
	created_at      BIGINT NOT NULL,
	last_run        BIGINT NOT NULL,
	from_minute     BIGINT NOT NULL,
	watermark       BIGINT NOT NULL,
	epoch           BIGINT NOT NULL,
	PRIMARY KEY (shard, app, id)
);
