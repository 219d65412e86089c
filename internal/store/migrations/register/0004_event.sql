-- release 0.1.0
-- Events that people have deleted: logs that came up to then count no more, however often the index is made
-- anew. swept tells that the index has nothing left of them.

CREATE TABLE event_deleted (
	shard SMALLINT NOT NULL,
	app   BIGINT NOT NULL,
	name  TEXT NOT NULL,
	at    BIGINT NOT NULL,
	swept SMALLINT NOT NULL,
	PRIMARY KEY (shard, app, name)
) /* clustered */;
