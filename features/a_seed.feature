Feature: A. Seed and startup
  The mirror is derived from Postgres when a backend starts and each time Valkey has lost it.

  Background:
    Given a quiet backend

  Scenario: A restart rebuilds the mirror from Postgres
    Given Postgres holds mitras in every state, written by hand
    And Valkey holds what a seed has to clear away
    When the backend is restarted
    Then A-02: the counts in the seed line are those of Postgres
    And A-03: mitras:online holds the ids that are online in Postgres
    And A-04: every online mitra has a heartbeat from the time of the seed
    And A-05: every online mitra's capacity is the number of its counted sessions
    And A-06: mitras:deactivated holds the ids that are inactive in Postgres
    When the backend is stopped
    Then A-01: exactly one seed line stands in the log of that start

  Scenario: FLUSHDB under a running backend is noticed and healed
    Given Postgres holds mitras in every state, written by hand
    When FLUSHDB empties Valkey
    Then A-07: a second seed line appears within 5 s, though nobody asked for anything
    And A-08: all four structures match Postgres again
