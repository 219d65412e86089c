-- release 0.1.0 rebuild
-- Reports that lack symbols, by version, build and the set of ids that they lack: a report that lacks several is one
-- report, whichever of them come later. missing is a word as in report.

CREATE TABLE missing_symbol (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	version BIGINT NOT NULL,
	build   BIGINT NOT NULL,
	missing BIGINT NOT NULL,
	crashes BIGINT NOT NULL,
	errors  BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	PRIMARY KEY (shard, app, version, build, missing)
) /* clustered */;

-- What the first report that lacked an id called it. All are words.

CREATE TABLE image (
	shard    SMALLINT NOT NULL,
	app      BIGINT NOT NULL,
	id       BIGINT NOT NULL,
	name     BIGINT NOT NULL,
	platform BIGINT NOT NULL,
	PRIMARY KEY (shard, app, id)
) /* clustered */;
