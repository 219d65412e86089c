-- release 0.1.0 rebuild
-- Reports per day of the device's clock: of all (dim 0), of a version, of a build, of a build in a version.

CREATE TABLE error_count (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	handled SMALLINT NOT NULL,
	dim     SMALLINT NOT NULL,
	sub     BIGINT NOT NULL,
	value   BIGINT NOT NULL,
	day     BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	PRIMARY KEY (shard, app, handled, dim, sub, value, day)
) /* clustered */;

-- Of groups with many reports: reports per day (kind 0) with their devices, per model (1), per system and its
-- version (2). Those of other groups are counted when asked for.

CREATE TABLE group_count (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	grp     BIGINT NOT NULL,
	kind    SMALLINT NOT NULL,
	a       BIGINT NOT NULL,
	b       BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	devices BIGINT NOT NULL,
	PRIMARY KEY (shard, app, grp, kind, a, b)
) /* clustered */;

-- used of active, active_count and active_shared: in rows of installs 0 for crashes, 1 for logs that are no
-- errors, 2 for handled errors; in counts 0 for all installs, 1 and 2 for those that sent such logs, 3 for those
-- that crashed.

-- The time tells on which days a device had an error of a group.
DROP INDEX report_install;
CREATE INDEX report_install ON report (shard, app, install, grp, time);

-- The group makes it possible to count a span of time without looking at the reports themselves.
DROP INDEX report_time;
CREATE INDEX report_time ON report (shard, app, time, grp);
