// Express 4 beside Express 5: only as a test sees them, they are the same.
declare module "express4" {
  import express from "express";
  export default express;
}
