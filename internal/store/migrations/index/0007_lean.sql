-- release 0.1.0 rebuild
-- What errors show of installs lies by day, so that those of one day are neighbours, and has a version and a build
-- only. active holds what other logs show, and used is 1 in all its rows.

CREATE TABLE active_error (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	day     BIGINT NOT NULL,
	install BYTEA NOT NULL,
	version BIGINT NOT NULL,
	build   BIGINT NOT NULL,
	used    SMALLINT NOT NULL,
	PRIMARY KEY (shard, app, day, install, version, build, used)
) /* clustered */;

-- Old sessions are found by walking through all of them, once a day.

DROP INDEX session_first;
