-- release 0.1.0
-- Reports of a group that were purged, and when the first of them happened.

ALTER TABLE error_group ADD COLUMN past BIGINT NOT NULL DEFAULT 0;

ALTER TABLE error_group ADD COLUMN past_first BIGINT NOT NULL DEFAULT 0;

-- Up to which feed number an app has no rows any more: what purges have taken out of this index.

CREATE TABLE purge_mark (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	class   SMALLINT NOT NULL,
	through BIGINT NOT NULL,
	PRIMARY KEY (shard, app, class)
) /* clustered */;
