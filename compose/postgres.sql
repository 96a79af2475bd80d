-- Run once, on an empty cluster: the owner of all tables, and a login of its own for each instance, by which the
-- statement log tells their statements apart. Development passwords.
CREATE ROLE mirror LOGIN PASSWORD 'development-only';
CREATE ROLE sut_a LOGIN PASSWORD 'development-only' IN ROLE mirror;
CREATE ROLE sut_b LOGIN PASSWORD 'development-only' IN ROLE mirror;
ALTER ROLE sut_a SET role TO mirror;
ALTER ROLE sut_b SET role TO mirror;
CREATE DATABASE mirror OWNER mirror;
