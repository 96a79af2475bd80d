Feature: Setup
  Before a section is worth running: the backend answers, its stores are the ones we look into, people exist.

  Scenario: The backend runs on its two stores
    Given a backend
    And Sari, Dewi and Rani are mitras
    And Budi is a customer
    Then SETUP-01: the public listener answers auth-providers with 200, the internal one is ready
    And SETUP-02: the backend is connected to this Valkey and subscribed to config:invalidate
    And SETUP-03: the backend reached this Postgres and its boot log shows the seed line
    And SETUP-04: at least three mitra accounts exist
    And SETUP-05: a customer account exists for the blast
    And SETUP-06: rig vk and rig sql look into the running stack
