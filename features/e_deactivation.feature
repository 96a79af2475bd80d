Feature: E. Deactivation flow
  A deactivated mitra is shut out everywhere at once, but for what a stateless token still opens until it expires.

  Scenario: Deactivation propagates, and re-activation undoes it
    Given a backend
    And Sari and Dewi are online mitras
    And Sari has signed in on two phones, Dewi on one
    Then E-01: Sari holds an access token
    And E-02: her token opens protected routes
    When the operator deactivates Sari
    Then E-03: the control center answers that she is inactive
    And E-04: Postgres has her inactive and every sign-in of hers revoked, nobody else's
    And E-05: she is in mitras:deactivated
    And E-06: her access token still opens a route that does not look at her account again
    And E-07: her next ping is refused with 403 ACCOUNT_INACTIVE
    And E-08: no refresh token of hers serves any more, and she cannot sign in anew
    When the operator re-activates Sari
    Then E-09: the control center answers that she is active
    And E-10: Postgres has her active, and she is gone from mitras:deactivated
    And E-11: she signs in again and her pings count
