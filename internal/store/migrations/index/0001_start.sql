-- release 0.1.0
-- Texts that repeat, by number: a small shared table, the same everywhere on a distributed engine.

CREATE TABLE word (
	num  BIGINT PRIMARY KEY,
	text TEXT NOT NULL UNIQUE
);

-- The cursor over the journal and who holds it.

CREATE TABLE lane (
	shard   SMALLINT PRIMARY KEY,
	through BIGINT NOT NULL,
	epoch   BIGINT NOT NULL
);

-- Logs that are neither errors nor attachments, so clustered that a request lands on neighbouring pages.
-- Space 0: key is the log's id, other its session. Space 1, sessions begun: key is the session, other the
-- log's id, so that one session begins once whatever id the log has.

CREATE TABLE event (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	install BYTEA NOT NULL,
	space   SMALLINT NOT NULL,
	key     BYTEA NOT NULL,
	other   BYTEA,
	kind    SMALLINT NOT NULL,
	feed    BIGINT NOT NULL,
	time    BIGINT NOT NULL,
	ingress BIGINT NOT NULL,
	version BIGINT NOT NULL,
	build   BIGINT NOT NULL,
	segment BIGINT NOT NULL,
	pos     BIGINT NOT NULL,
	member  BIGINT NOT NULL,
	PRIMARY KEY (shard, app, install, space, key)
) /* clustered */;

-- Crashes and handled errors in the order they came. version to language and missing are words.

CREATE TABLE report (
	num        BIGINT PRIMARY KEY /* arrival */,
	shard      SMALLINT NOT NULL,
	app        BIGINT NOT NULL,
	id         BYTEA NOT NULL,
	grp        BIGINT NOT NULL,
	time       BIGINT NOT NULL,
	install    BYTEA NOT NULL,
	user_id    TEXT,
	session    BYTEA,
	kind       SMALLINT NOT NULL,
	handled    SMALLINT NOT NULL,
	feed       BIGINT NOT NULL,
	ingress    BIGINT NOT NULL,
	version    BIGINT NOT NULL,
	build      BIGINT NOT NULL,
	model      BIGINT NOT NULL,
	os_name    BIGINT NOT NULL,
	os_version BIGINT NOT NULL,
	country    BIGINT NOT NULL,
	language   BIGINT NOT NULL,
	state      SMALLINT NOT NULL,
	missing    BIGINT NOT NULL,
	problem    TEXT,
	segment    BIGINT NOT NULL,
	pos        BIGINT NOT NULL,
	member     BIGINT NOT NULL
);
CREATE UNIQUE INDEX report_id ON report (shard, app, id);
CREATE INDEX report_grp ON report (shard, app, grp, time, install);
CREATE INDEX report_time ON report (shard, app, time);
CREATE INDEX report_install ON report (shard, app, install, grp);
CREATE INDEX report_user ON report (shard, app, user_id, time) WHERE user_id IS NOT NULL;

-- One row per public group id: what is the same in all its reports, and counters over them.

CREATE TABLE error_group (
	shard        SMALLINT NOT NULL,
	app          BIGINT NOT NULL,
	grp          BIGINT NOT NULL,
	handled      SMALLINT NOT NULL,
	version      TEXT NOT NULL,
	signature    BYTEA NOT NULL,
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
	n            BIGINT NOT NULL,
	devices      BIGINT NOT NULL,
	first_at     BIGINT NOT NULL,
	last_at      BIGINT NOT NULL,
	latest       BYTEA NOT NULL,
	build        TEXT NOT NULL,
	PRIMARY KEY (shard, app, grp)
) /* clustered */;

CREATE TABLE attachment (
	shard        SMALLINT NOT NULL,
	app          BIGINT NOT NULL,
	id           BYTEA NOT NULL,
	error_id     BYTEA NOT NULL,
	install      BYTEA NOT NULL,
	feed         BIGINT NOT NULL,
	time         BIGINT NOT NULL,
	ingress      BIGINT NOT NULL,
	content_type BIGINT NOT NULL,
	file_name    TEXT,
	size         BIGINT NOT NULL,
	problem      TEXT,
	segment      BIGINT NOT NULL,
	pos          BIGINT NOT NULL,
	member       BIGINT NOT NULL,
	PRIMARY KEY (shard, app, id)
) /* clustered */;
CREATE INDEX attachment_error ON attachment (shard, app, error_id);
CREATE INDEX attachment_install ON attachment (shard, app, install);

-- Copies of logs that have a row already.

CREATE TABLE duplicate (
	shard   SMALLINT NOT NULL,
	feed    BIGINT NOT NULL,
	member  BIGINT NOT NULL,
	app     BIGINT NOT NULL,
	segment BIGINT NOT NULL,
	pos     BIGINT NOT NULL,
	PRIMARY KEY (shard, feed, member)
) /* clustered */;

-- What could not be read at all.

CREATE TABLE problem (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	feed    BIGINT NOT NULL,
	member  BIGINT NOT NULL,
	ingress BIGINT NOT NULL,
	what    TEXT NOT NULL,
	segment BIGINT NOT NULL,
	pos     BIGINT NOT NULL,
	PRIMARY KEY (shard, app, feed, member)
) /* clustered */;

-- Rows per app and kind.

CREATE TABLE tally (
	shard SMALLINT NOT NULL,
	app   BIGINT NOT NULL,
	kind  SMALLINT NOT NULL,
	n     BIGINT NOT NULL,
	PRIMARY KEY (shard, app, kind)
) /* clustered */;
