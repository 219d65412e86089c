-- release 0.1.0 rebuild
-- Sessions, from their first log to their last. begun is NULL until the log arrives that begins it; only then
-- the session counts, on that log's day and in its version.

CREATE TABLE session (
	shard    SMALLINT NOT NULL,
	app      BIGINT NOT NULL,
	install  BYTEA NOT NULL,
	session  BYTEA NOT NULL,
	first_at BIGINT NOT NULL,
	last_at  BIGINT NOT NULL,
	begun    BIGINT,
	version  BIGINT NOT NULL,
	PRIMARY KEY (shard, app, install, session)
) /* clustered */;
CREATE INDEX session_first ON session (shard, app, first_at);

-- Sessions by how long they lasted; total is in ms. Version -1 is all of them, here and in event_count.

CREATE TABLE session_count (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	version BIGINT NOT NULL,
	day     BIGINT NOT NULL,
	bucket  SMALLINT NOT NULL,
	n       BIGINT NOT NULL,
	total   BIGINT NOT NULL,
	PRIMARY KEY (shard, app, version, day, bucket)
) /* clustered */;

-- Names of events, by number. An event that was deleted and comes again is another one: gen is when the last
-- deletion was before it, 0 if there was none.

CREATE TABLE event_name (
	shard SMALLINT NOT NULL,
	app   BIGINT NOT NULL,
	name  BIGINT NOT NULL,
	gen   BIGINT NOT NULL,
	num   BIGINT NOT NULL,
	PRIMARY KEY (shard, app, name, gen)
) /* clustered */;

CREATE TABLE event_count (
	shard    SMALLINT NOT NULL,
	app      BIGINT NOT NULL,
	event    BIGINT NOT NULL,
	version  BIGINT NOT NULL,
	day      BIGINT NOT NULL,
	n        BIGINT NOT NULL,
	devices  BIGINT NOT NULL,
	sessions BIGINT NOT NULL,
	PRIMARY KEY (shard, app, event, version, day)
) /* clustered */;

-- Which events an install sent on a day, in which versions and sessions.

CREATE TABLE event_seen (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	install BYTEA NOT NULL,
	day     BIGINT NOT NULL,
	seen    BYTEA NOT NULL,
	PRIMARY KEY (shard, app, install, day)
) /* clustered */;
CREATE INDEX event_seen_day ON event_seen (shard, app, day);

CREATE TABLE event_property (
	shard    SMALLINT NOT NULL,
	app      BIGINT NOT NULL,
	event    BIGINT NOT NULL,
	property BIGINT NOT NULL,
	PRIMARY KEY (shard, app, event, property)
) /* clustered */;

-- rest is 1 in the row that stands for all values beyond those that are told apart.

CREATE TABLE event_value (
	shard    SMALLINT NOT NULL,
	app      BIGINT NOT NULL,
	event    BIGINT NOT NULL,
	property BIGINT NOT NULL,
	day      BIGINT NOT NULL,
	rest     SMALLINT NOT NULL,
	value    TEXT NOT NULL,
	version  BIGINT NOT NULL,
	n        BIGINT NOT NULL,
	PRIMARY KEY (shard, app, event, property, day, rest, value, version)
) /* clustered */;

-- What was beyond the limits and is in no other table: see EventCut.

CREATE TABLE event_cut (
	shard SMALLINT NOT NULL,
	app   BIGINT NOT NULL,
	day   BIGINT NOT NULL,
	what  SMALLINT NOT NULL,
	n     BIGINT NOT NULL,
	PRIMARY KEY (shard, app, day, what)
) /* clustered */;

-- Frames in the order they came, as far back as the log flow shows them.

CREATE TABLE arrival (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	ingress BIGINT NOT NULL,
	feed    BIGINT NOT NULL,
	segment BIGINT NOT NULL,
	pos     BIGINT NOT NULL,
	PRIMARY KEY (shard, app, ingress, feed)
) /* clustered */;
