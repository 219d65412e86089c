-- release 0.1.0
-- How many days an app's logs are kept; 0 = as long as by default.

ALTER TABLE app ADD COLUMN keep_reports BIGINT NOT NULL DEFAULT 0;

ALTER TABLE app ADD COLUMN keep_events BIGINT NOT NULL DEFAULT 0;

-- Up to which feed number an app's logs are past their time, and up to which their frames are blank one by one.
-- class 0: events; 1: reports and attachments.

CREATE TABLE purge_cursor (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	class   SMALLINT NOT NULL,
	through BIGINT NOT NULL,
	frames  BIGINT NOT NULL,
	PRIMARY KEY (shard, app, class)
) /* clustered */;

-- What is left of purged reports: how many of a group and build were of a day. A batch is named by its last feed
-- number.

CREATE TABLE purged (
	shard    SMALLINT NOT NULL,
	app      BIGINT NOT NULL,
	grp      BIGINT NOT NULL,
	batch    BIGINT NOT NULL,
	day      BIGINT NOT NULL,
	build    TEXT NOT NULL,
	version  TEXT NOT NULL,
	handled  SMALLINT NOT NULL,
	n        BIGINT NOT NULL,
	first_at BIGINT NOT NULL,
	PRIMARY KEY (shard, app, grp, batch, day, build)
) /* clustered */;

-- The reason of a group as its first report had it, kept when the first of its reports goes.

CREATE TABLE group_past (
	shard        SMALLINT NOT NULL,
	app          BIGINT NOT NULL,
	grp          BIGINT NOT NULL,
	type         TEXT NOT NULL,
	os_type      TEXT NOT NULL,
	class        TEXT NOT NULL,
	method       TEXT NOT NULL,
	file         TEXT NOT NULL,
	line         BIGINT NOT NULL,
	app_code     SMALLINT NOT NULL,
	class_method SMALLINT NOT NULL,
	code_raw     TEXT NOT NULL,
	framework    TEXT NOT NULL,
	language     TEXT NOT NULL,
	PRIMARY KEY (shard, app, grp)
) /* clustered */;

-- Errors that were deleted, by a keyed hash: copies that are sent again stay out.

CREATE TABLE tombstone (
	shard      SMALLINT NOT NULL,
	app        BIGINT NOT NULL,
	hash       BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (shard, app, hash)
) /* clustered */;

-- Frames of deletions that are not known to be finished.

CREATE TABLE deletion (
	shard      SMALLINT NOT NULL,
	app        BIGINT NOT NULL,
	feed       BIGINT NOT NULL,
	family     SMALLINT NOT NULL,
	id         BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (shard, app, feed)
) /* clustered */;

-- Deleted apps whose frames are still in the journal.

CREATE TABLE gone_app (
	shard SMALLINT NOT NULL,
	app   BIGINT NOT NULL,
	PRIMARY KEY (shard, app)
) /* clustered */;
