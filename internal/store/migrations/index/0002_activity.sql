-- release 0.1.0 rebuild
-- Which install was there on which day of its own clock, as what: one row per thing it was. used is 0 where it
-- sent nothing but crashes and handled errors.

CREATE TABLE active (
	shard    SMALLINT NOT NULL,
	app      BIGINT NOT NULL,
	install  BYTEA NOT NULL,
	day      BIGINT NOT NULL,
	version  BIGINT NOT NULL,
	build    BIGINT NOT NULL,
	model    BIGINT NOT NULL,
	os       BIGINT NOT NULL,
	country  BIGINT NOT NULL,
	language BIGINT NOT NULL,
	used     SMALLINT NOT NULL,
	PRIMARY KEY (shard, app, install, day, version, build, model, os, country, language, used)
) /* clustered */;
CREATE INDEX active_day ON active (shard, app, day, version, build);

-- Those that had several versions or builds on one day, so that days can be added up over versions.

CREATE TABLE active_shared (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	day     BIGINT NOT NULL,
	install BYTEA NOT NULL,
	version BIGINT NOT NULL,
	build   BIGINT NOT NULL,
	used    SMALLINT NOT NULL,
	PRIMARY KEY (shard, app, day, install, version, build, used)
) /* clustered */;

-- Installs per day: of all (dim 0), of a version, of a build, of a build in a version.

CREATE TABLE active_count (
	shard SMALLINT NOT NULL,
	app   BIGINT NOT NULL,
	used  SMALLINT NOT NULL,
	dim   SMALLINT NOT NULL,
	sub   BIGINT NOT NULL,
	value BIGINT NOT NULL,
	day   BIGINT NOT NULL,
	n     BIGINT NOT NULL,
	PRIMARY KEY (shard, app, used, dim, sub, value, day)
) /* clustered */;

-- Installs per day and number of days since they were there last. Those of a span of days are the ones whose
-- last time before lies outside of it: however long the span, no install is counted twice and none looked at.

CREATE TABLE active_gap (
	shard SMALLINT NOT NULL,
	app   BIGINT NOT NULL,
	dim   SMALLINT NOT NULL,
	sub   BIGINT NOT NULL,
	day   BIGINT NOT NULL,
	gap   BIGINT NOT NULL,
	value BIGINT NOT NULL,
	n     BIGINT NOT NULL,
	PRIMARY KEY (shard, app, dim, sub, day, gap, value)
) /* clustered */;
