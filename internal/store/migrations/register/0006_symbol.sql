-- release 0.1.0
-- Symbol files that were sent. problems are lines for people; size is 0 until somebody has looked into the file.

CREATE TABLE symbol_upload (
	shard        SMALLINT NOT NULL,
	app          BIGINT NOT NULL,
	id           BYTEA NOT NULL,
	account      BIGINT NOT NULL,
	kind         TEXT NOT NULL,
	file_name    TEXT NOT NULL,
	version      TEXT NOT NULL,
	build        TEXT NOT NULL,
	state        TEXT NOT NULL,
	problems     TEXT NOT NULL,
	size         BIGINT NOT NULL,
	created_at   BIGINT NOT NULL,
	committed_at BIGINT NOT NULL,
	changed_at   BIGINT NOT NULL,
	last_used_at BIGINT NOT NULL,
	PRIMARY KEY (shard, app, id)
) /* clustered */;
CREATE INDEX symbol_upload_created ON symbol_upload (shard, app, created_at);
CREATE INDEX symbol_upload_id ON symbol_upload (id);
CREATE INDEX symbol_upload_state ON symbol_upload (state, changed_at);

-- What was found in them: one row per id. An id may come with several uploads; the newest counts.

CREATE TABLE symbol (
	shard        SMALLINT NOT NULL,
	app          BIGINT NOT NULL,
	id           TEXT NOT NULL,
	upload       BYTEA NOT NULL,
	num          BIGINT NOT NULL,
	kind         TEXT NOT NULL,
	platform     TEXT NOT NULL,
	name         TEXT NOT NULL,
	path         TEXT NOT NULL,
	architecture TEXT NOT NULL,
	alternates   TEXT NOT NULL,
	PRIMARY KEY (shard, app, id, upload, num)
) /* clustered */;
CREATE INDEX symbol_of_upload ON symbol (shard, app, upload, num);

-- Ids that nobody will send symbols for.

CREATE TABLE symbol_ignored (
	shard      SMALLINT NOT NULL,
	app        BIGINT NOT NULL,
	id         TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (shard, app, id)
) /* clustered */;
