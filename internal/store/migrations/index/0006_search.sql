-- release 0.1.0 rebuild
-- Which apps have a full-text table. orphans counts what could not be taken out of it.

CREATE TABLE search_app (
	shard   SMALLINT NOT NULL,
	app     BIGINT NOT NULL,
	orphans BIGINT NOT NULL,
	PRIMARY KEY (shard, app)
) /* clustered */;

-- From a hit in an attachment to its report.

CREATE INDEX attachment_feed ON attachment (shard, app, feed);
