BEGIN TRANSACTION;
CREATE TABLE approvals (
            fabric TEXT NOT NULL, hash TEXT NOT NULL, since VARCHAR NOT NULL, "by" TEXT, PRIMARY KEY (fabric)
        );
INSERT INTO "approvals" VALUES('dc2','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','2026-03-01T12:00:00.000250Z','ann');
CREATE TABLE commit_statuses (
            fabric TEXT NOT NULL, "commit" TEXT NOT NULL, repository TEXT NOT NULL, sequence INTEGER NOT NULL,
            is_owed BOOLEAN NOT NULL, status TEXT NOT NULL, PRIMARY KEY (fabric, "commit"), UNIQUE (sequence)
        );
INSERT INTO "commit_statuses" VALUES('dc1','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','gitops',1,1,'{"fabric":"dc1","commit":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","state":"running","reason":null,"message":null,"is_of_request":false}');
CREATE TABLE deliveries (
	provider TEXT NOT NULL, 
	id TEXT NOT NULL, 
	received VARCHAR NOT NULL, 
	requests TEXT NOT NULL, 
	PRIMARY KEY (provider, id)
);
INSERT INTO "deliveries" VALUES('github','d1','2026-03-01T12:00:00.000250Z','["r1"]');
INSERT INTO "deliveries" VALUES('github','d2','2026-03-01T12:00:00.000250Z','["r2"]');
CREATE TABLE documents (
	collection TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (collection, "key")
);
INSERT INTO "documents" VALUES('netbox','a','{"id":1}');
CREATE TABLE fabrics (
	name TEXT NOT NULL, 
	desired_revision TEXT, 
	next_poll VARCHAR, 
	effective_interval FLOAT NOT NULL, 
	record TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "fabrics" VALUES('dc1','main@sha1:cccccccccccccccccccccccccccccccccccccccc',NULL,300.0,'{"name":"dc1","desired_revision":"main@sha1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","last_attempted_revision":"main@sha1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","applied_revision":"main@sha1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","tree":"dddddddddddddddddddddddddddddddddddddddd","last_sync":"2026-03-01T12:00:00.000250Z","last_pass":{"id":"p1","outcome":"succeeded","triggers":["push"],"started":"2026-03-01T12:00:00.000250Z","finished":"2026-03-01T12:00:00.000250Z","reason":"Succeeded","message":"done"},"next_poll":"2026-03-01T12:00:00.000250Z","effective_interval":60.0,"failures":2,"conditions":[{"type":"Ready","status":"True","reason":"Succeeded","message":"in sync","last_transition_time":"2026-03-01T12:00:00.000250Z"}],"connections":{"git":{"state":"failing","since":"2026-03-01T12:00:00.000250Z","last_ok":null,"last_error":"connection refused"}},"states":{"VPC":{"in_sync":2,"failed":1}},"observed":{"VPC":3},"drift_since":"2026-03-01T12:00:00.000250Z","waiting_in_raw":4,"netbox_retained":0,"problems":[{"file":"dc1/a.yaml","document":1,"line":7,"field":"spec.vlan","rule":"Type","message":"not a number","severity":"warning","key":{"kind":"VPC","namespace":"default","name":"a"}}],"problems_total":1}');
CREATE TABLE inventory (
	fabric TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	namespace TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (fabric, kind, namespace, name), 
	FOREIGN KEY(fabric) REFERENCES fabrics (name)
);
INSERT INTO "inventory" VALUES('dc1','VPC','default','a','{"key":{"kind":"VPC","namespace":"default","name":"a"},"uid":"uid-a","digest":"0000000000000000000000000000000000000000000000000000000000000000","paths":[".spec.ipv4Namespace",".spec.subnets.a.vlan"],"revision":"main@sha1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","applied":"2026-03-01T12:00:00.000250Z"}');
CREATE TABLE netbox_lines (
            fabric TEXT NOT NULL, model TEXT NOT NULL, "key" TEXT NOT NULL, line TEXT NOT NULL,
            PRIMARY KEY (fabric, model, "key"), FOREIGN KEY(fabric) REFERENCES fabrics (name)
        );
INSERT INTO "netbox_lines" VALUES('dc1','ipam/vrfs','dc1/VPC/v','name:abc');
CREATE TABLE netbox_places (
            fabric TEXT NOT NULL, place TEXT NOT NULL, PRIMARY KEY (fabric),
            FOREIGN KEY(fabric) REFERENCES fabrics (name)
        );
INSERT INTO "netbox_places" VALUES('dc1','https://netbox');
CREATE TABLE objects (
	fabric TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	namespace TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (fabric, kind, namespace, name), 
	FOREIGN KEY(fabric) REFERENCES fabrics (name)
);
INSERT INTO "objects" VALUES('dc1','VPC','default','a','{"key":{"kind":"VPC","namespace":"default","name":"a"},"state":"in_sync","file":"dc1/vpcs.yaml","reason":"Drifted","message":"the VLAN differs","differences":[{"path":".spec.subnets.a.vlan","desired":1001,"observed":{"was":[1,"x",null,1.5,true]},"manager":"kubectl"}]}');
CREATE TABLE passes (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	fabric TEXT NOT NULL, 
	finished VARCHAR NOT NULL, 
	record TEXT NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (id), 
	FOREIGN KEY(fabric) REFERENCES fabrics (name)
);
INSERT INTO "passes" VALUES(1,'p1','dc1','2026-03-01T12:00:00.000250Z','{"id":"p1","fabric":"dc1","triggers":["push","poll"],"started":"2026-03-01T11:59:57.000250Z","finished":"2026-03-01T12:00:00.000250Z","outcome":"partial","reason":"Conflict","message":"1 object is in conflict","revision":"main@sha1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","plan_hash":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","phases":{"fetch":0.25,"apply":1.5},"counts":{"applied":3},"failures":[{"phase":"apply","subject":"VPC/a","reason":"Conflict","message":"kubectl owns .spec","is_retryable":true,"is_whole":false}],"scope":null}');
CREATE TABLE requests (
	sequence INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	fabric TEXT NOT NULL, 
	ended VARCHAR, 
	request TEXT NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (id), 
	FOREIGN KEY(fabric) REFERENCES fabrics (name)
);
INSERT INTO "requests" VALUES(1,'r1','dc1','2026-03-01T12:00:00.000250Z','{"id":"r1","fabric":"dc1","trigger":"push","accepted":"2026-03-01T12:00:00.000250Z","state":"succeeded","commit":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","outcome":null,"pass_id":"p1","revision":"main@sha1:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","reason":null,"message":null}');
INSERT INTO "requests" VALUES(2,'r2','dc1',NULL,'{"id":"r2","fabric":"dc1","trigger":"push","accepted":"2026-03-01T12:00:00.000250Z","state":"queued","commit":"cccccccccccccccccccccccccccccccccccccccc","outcome":null,"pass_id":null,"revision":"main@sha1:cccccccccccccccccccccccccccccccccccccccc","reason":null,"message":null}');
CREATE TABLE schema_version (
	version INTEGER NOT NULL
);
INSERT INTO "schema_version" VALUES(4);
CREATE TABLE suspensions (
	fabric TEXT NOT NULL, 
	since VARCHAR NOT NULL, 
	reason TEXT, "by" TEXT, 
	PRIMARY KEY (fabric)
);
INSERT INTO "suspensions" VALUES('dc2','2026-03-01T12:00:00.000250Z','cabling',NULL);
CREATE TABLE webhooks (
	repository TEXT NOT NULL, 
	last_received VARCHAR, 
	last_verified VARCHAR, 
	silent_since VARCHAR, 
	last_unannounced VARCHAR, 
	unannounced TEXT, 
	PRIMARY KEY (repository)
);
INSERT INTO "webhooks" VALUES('gitops','2026-03-01T12:00:00.000250Z','2026-03-01T12:00:00.000250Z',NULL,NULL,NULL);
CREATE INDEX ix_deliveries_received ON deliveries (received);
CREATE INDEX passes_of_fabric ON passes (fabric, sequence);
CREATE INDEX ix_requests_ended ON requests (ended);
CREATE INDEX commit_statuses_owed ON commit_statuses (is_owed, repository, sequence);
COMMIT;
